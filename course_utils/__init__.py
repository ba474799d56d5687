"""Helper package of the course on neural style transfer.

This file imports nothing: `python3 -m course_utils` has to start on a bare Python, before torch is there.
"""
