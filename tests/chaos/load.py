import http.client
import json
import threading
import time

import abacus
from abacus import eventually

RECOVERIES = []  # (what was done to whom, seconds until all was well again, requests that failed meanwhile): printed at the end


class Load:
    """Requests on keep-alive connections from a few threads until stopped; keeps what failed, and how long the slowest took."""

    def __init__(self, method, path, token=None, body=None, threads=4, every_s=0):
        self.method, self.path, self.body = method, path, body
        self.headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        self.stopping, self.done, self.failed, self.slowest_s, self.every_s = False, 0, [], 0, every_s
        self.workers = [threading.Thread(target=self.run) for _ in range(threads)]

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", abacus.PORT, timeout=20)
        while not self.stopping:
            start = time.monotonic()
            try:
                connection.request(self.method, self.path, json.dumps(self.body) if self.body else None, self.headers)
                reply = connection.getresponse()
                reply.read()
                self.done += 1
                if reply.status != 200:
                    self.failed.append(reply.status)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
            self.slowest_s = max(self.slowest_s, time.monotonic() - start)
            time.sleep(self.every_s)

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for worker in self.workers:
            worker.join()

    def wait_for(self, more):
        goal = self.done + more
        eventually(lambda: self.done >= goal, 60, message=f"{more} more requests")
