"""Nearly all of an aws command's time goes into its imports and into reading what services there are, and a roll-out is forty commands. An `aws` that
is started with this folder in PYTHONPATH and QUICK_AWS=SOCKET has that done once: for each command that comes by the socket it forks, and the child
goes on as the aws that it is."""

import functools
import gc
import json
import os
import socket
import sys


def prepare():
    import awscli.clidriver
    import awscli.handlers  # noqa: F401

    loaders = sys.modules.get("awscli.botocore.loaders") or sys.modules["botocore.loaders"]
    read = functools.cache(loaders.JSONFileLoader().load_file)
    loaders.JSONFileLoader.load_file = lambda self, path: read(path)
    session = awscli.clidriver.create_clidriver().session
    for service in "cloudformation", "ec2", "ecs":
        session.create_client(service)
    gc.freeze()  # else every child looks through all of this


def serve(path):
    prepare()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen()
    os.rename(path + ".new", path)
    while True:
        connection, _ = listener.accept()
        _, outputs, _, _ = socket.recv_fds(connection, 1, 2)
        command = json.load(connection.makefile("rb"))
        child = os.fork()
        if child == 0:
            for number, output in enumerate(outputs, 1):
                os.dup2(output, number)
            sys.argv[1:] = command["arguments"]
            os.environ.update(command["environment"])
            os.chdir(command["folder"])
            return
        for output in outputs:
            os.close(output)
        connection.sendall(bytes([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255]))
        connection.close()


if os.environ.get("QUICK_AWS"):
    serve(os.environ.pop("QUICK_AWS"))
