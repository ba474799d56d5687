"""The widgets of the lessons: for each a pure function from settings to what is shown, and a thin view of it."""
