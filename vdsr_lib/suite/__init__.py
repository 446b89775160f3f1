"""The lessons as a whole: generated, checked, run under papermill, and reported."""
