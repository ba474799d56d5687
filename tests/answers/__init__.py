"""What is put to the checks: lessonN holds the right answers of lesson N, and wrong ones with the reason they must get."""
