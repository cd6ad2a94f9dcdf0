"""Bad input: tables of it, and how an answer is judged. The README of the project says how to add a case."""
