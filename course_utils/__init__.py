"""Helper package of the course on neural style transfer.

This file imports nothing, because `python3 -m course_utils` has to start on a bare Python, before torch is installed.
"""
