"""What is said to a user instead of a stack trace."""


class Refusal(Exception):
    """Something that cannot be done as asked. The message is lower case, names the culprit and says what would be
    right."""
