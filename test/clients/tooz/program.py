"""Drives a server through the locks of tooz, each held by a process of its own:

    /usr/bin/python3 program.py http://127.0.0.1:2379

tooz has no groups on etcd, so locks are all there is.
"""
import json
import select
import subprocess
import sys
import time
import unittest
import urllib.request
from urllib.parse import urlparse

from tooz import coordination

TTL = 2  # seconds that a lock lives, unless it is refreshed
WAIT = 20  # seconds that anything awaited here may take


def work(endpoint, ttl):
    """Is the process that holds a lock: it does the method that a line names, and answers with a line."""
    coordinator = coordination.get_coordinator(
        'etcd://%s?lock_timeout=%s' % (urlparse(endpoint).netloc, ttl), b'worker')
    coordinator.start()
    lock = coordinator.get_lock(b'pando test')
    for line in sys.stdin:
        method, args = json.loads(line)
        print(json.dumps(getattr(lock, method)(*args)), flush=True)


class Worker:
    """A process that works, as long as it is not killed."""

    def __init__(self, endpoint, ttl):
        self.process = subprocess.Popen(
            [sys.executable, __file__, endpoint, str(ttl)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, method, *args):
        self.process.stdin.write(json.dumps([method, args]) + '\n')

    def answered(self, seconds):
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def answer(self):
        if not self.answered(WAIT):
            raise TimeoutError('no answer within %d seconds' % WAIT)
        return json.loads(self.process.stdout.readline())

    def do(self, method, *args):
        self.ask(method, *args)
        return self.answer()

    def kill(self):
        self.process.kill()
        self.process.communicate()


class Locks(unittest.TestCase):
    def worker(self, ttl=WAIT):
        worker = Worker(ENDPOINT, ttl)
        self.addCleanup(worker.kill)
        return worker

    def test_starts_with_statistics(self):
        with urllib.request.urlopen(ENDPOINT + '/v2/stats/self', timeout=WAIT) as answer:
            self.assertIn('leaderInfo', json.load(answer))

    def test_acquire_contend_release(self):
        one, two = self.worker(), self.worker()
        self.assertTrue(one.do('acquire', False))
        self.assertFalse(two.do('acquire', False))
        two.ask('acquire', True)
        self.assertFalse(two.answered(1), 'both have the lock')
        self.assertTrue(one.do('release'))
        self.assertTrue(two.answer())
        self.assertFalse(one.do('release'))
        self.assertFalse(one.do('acquire', False))
        began = time.monotonic()
        self.assertFalse(one.do('acquire', 1.5))
        self.assertGreaterEqual(time.monotonic() - began, 1.4)
        self.assertTrue(two.do('release'))
        self.assertTrue(one.do('acquire', False))
        self.assertTrue(one.do('release'))

    def test_heartbeats_keep_it_and_death_loses_it(self):
        one, two = self.worker(TTL), self.worker()
        self.assertTrue(one.do('acquire', False))
        two.ask('acquire', True)
        kept = time.monotonic() + 2 * TTL
        while time.monotonic() < kept:
            self.assertTrue(one.do('heartbeat'))
            self.assertFalse(two.answered(TTL / 4), 'a lock that was refreshed is lost')
        died = time.monotonic()
        one.kill()
        self.assertTrue(two.answer())
        self.assertLess(time.monotonic() - died, WAIT / 2)
        self.assertTrue(two.do('break_'))
        self.assertFalse(two.do('break_'))


if __name__ == '__main__':
    ENDPOINT = sys.argv[1]
    if len(sys.argv) > 2:
        work(ENDPOINT, sys.argv[2])
    else:
        unittest.main(argv=sys.argv[:1])
