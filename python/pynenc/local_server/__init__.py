"""A private server for this user and one application: started when first needed, gone with the last who uses it.

A user of the server is a process that holds a connection to its keeper. The keeper is a small process of its own: it
starts the server, starts it again when it dies, and ends it when the last connection is gone. Which keeper and which
server are the ones is decided by locks in the data directory, which the operating system drops with their holders.
"""
