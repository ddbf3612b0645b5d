"""The students' figures: what ``students.py`` beside this folder measures, and how they come onto ``docs/students``."""
