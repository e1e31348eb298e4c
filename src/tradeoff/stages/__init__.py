"""What a worker can be asked to do: a function for each stage of the corridor, behind one desk.

Requests and answers are plain data; what is large is a file in a folder that the request names.
"""
