"""Grading: the verdicts of the checks on submitted notebooks, and the points for them.

Two kinds of processes work together. The judge holds the right answers and compares (`judging`). A student's code runs
in the answer process alone (`answers`), which knows no right answer: it receives inputs, and sends results back as
plain bytes (`wire`). What it may use of time, memory, files and network is limited (`confinement`). So an answer can
spoil its own exercise and nothing else. Of a notebook, only what the answer needs is run (`slices`).
"""
