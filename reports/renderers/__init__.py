"""Tables to text: terminal, Markdown, CSV and JUnit."""
