"""Drives a server through python-etcd:

    /usr/bin/python3 program.py http://127.0.0.1:2379
"""
import concurrent.futures
import faulthandler
import os
import sys
import threading
import time
import unittest
from urllib.parse import urlparse

import etcd

ENDPOINT = urlparse(sys.argv.pop(1))
HISTORY = 1000  # how many events a server promises to keep, at the least
WAIT = 20  # seconds that anything awaited here may take


def new_client():
    return etcd.Client(host=ENDPOINT.hostname, port=ENDPOINT.port,
                       read_timeout=WAIT, per_host_pool_size=12)


class Program(unittest.TestCase):
    def setUp(self):
        self.client = new_client()
        self.dir = '/python-%d/%s' % (os.getpid(), self._testMethodName)
        self.client.write(self.dir, None, dir=True)
        self.addCleanup(self.client.delete, self.dir, recursive=True)
        self.key = self.dir + '/key'

    def test_what_it_asks_first(self):
        address = '%s://%s' % (ENDPOINT.scheme, ENDPOINT.netloc)
        self.assertEqual(self.client.machines, [address])
        members = self.client.members
        self.assertEqual([m['clientURLs'] for m in members.values()], [[address]])
        self.assertTrue(self.client.version)
        self.assertTrue(self.client.cluster_version)
        follows = etcd.Client(host=ENDPOINT.hostname, port=ENDPOINT.port, allow_reconnect=True)
        self.assertEqual(follows.write(self.key, 'x').value, 'x')

    def test_write_and_read(self):
        written = self.client.write(self.key, 'füß & <x>\n')
        self.assertEqual(written.action, 'set')
        self.assertTrue(written.newKey)
        self.assertEqual(written.etcd_index, written.modifiedIndex)
        self.assertGreater(written.raft_index, 0)
        read = self.client.read(self.key)
        self.assertEqual((read.key, read.value), (self.key, 'füß & <x>\n'))
        self.assertEqual(read.createdIndex, written.createdIndex)
        again = self.client.set(self.key, 'two')
        self.assertFalse(again.newKey)
        self.assertEqual(again._prev_node.value, 'füß & <x>\n')
        read = self.client.read(self.key)
        read.value = 'three'
        self.assertEqual(self.client.update(read).action, 'compareAndSwap')
        self.assertEqual(self.client.pop(self.key).value, 'three')
        self.assertNotIn(self.key, self.client)

    def test_directories(self):
        for name in ('b', 'a', 'sub/c', '_hidden'):
            self.client.write('%s/%s' % (self.dir, name), name)
        tree = self.client.read(self.dir, recursive=True, sorted=True)
        self.assertEqual([leaf.value for leaf in tree.leaves], ['a', 'b', 'sub/c'])
        with self.assertRaises(etcd.EtcdDirNotEmpty):
            self.client.delete(self.dir, dir=True)
        with self.assertRaises(etcd.EtcdNotFile):
            self.client.delete(self.dir)
        with self.assertRaises(etcd.EtcdNotDir):
            self.client.read(self.dir + '/a/below')
        with self.assertRaises(etcd.EtcdRootReadOnly):
            self.client.write('/', 'x')
        self.assertTrue(self.client.delete(self.dir + '/sub', recursive=True).dir)

    def test_compare_and_swap(self):
        created = self.client.write(self.key, 'one', prevExist=False)
        with self.assertRaises(etcd.EtcdAlreadyExist):
            self.client.write(self.key, 'two', prevExist=False)
        with self.assertRaises(etcd.EtcdKeyNotFound):
            self.client.write(self.key + '-none', 'two', prevExist=True)
        with self.assertRaises(etcd.EtcdCompareFailed) as failed:
            self.client.test_and_set(self.key, 'two', 'wrong')
        self.assertEqual(failed.exception.payload['cause'], '[wrong != one]')
        swapped = self.client.write(self.key, 'two', prevIndex=created.modifiedIndex)
        self.assertEqual(swapped.action, 'compareAndSwap')
        self.assertEqual(swapped.createdIndex, created.createdIndex)

    def test_compare_and_delete(self):
        created = self.client.write(self.key, 'one')
        with self.assertRaises(etcd.EtcdCompareFailed):
            self.client.delete(self.key, prevIndex=created.modifiedIndex + 1)
        with self.assertRaises(etcd.EtcdCompareFailed):
            self.client.delete(self.key, prevValue='wrong')
        deleted = self.client.delete(self.key, prevValue='one')
        self.assertEqual(deleted.action, 'compareAndDelete')
        with self.assertRaises(etcd.EtcdKeyNotFound):
            self.client.delete(self.key)

    def test_ttl_and_refresh(self):
        written = self.client.write(self.key, 'held', ttl=100)
        self.assertEqual(written.ttl, 100)
        self.client.refresh(self.key, ttl=2)
        read = self.client.read(self.key)
        self.assertEqual(read.value, 'held')
        self.assertIn(read.ttl, (1, 2))
        began = time.monotonic()
        event = self.client.watch(self.key, index=written.modifiedIndex + 1, timeout=WAIT)
        self.assertEqual((event.action, event._prev_node.value), ('expire', 'held'))
        self.assertLess(time.monotonic() - began, 7)
        with self.assertRaises(etcd.EtcdKeyNotFound):
            self.client.read(self.key)

    def test_watch(self):
        with self.assertRaises(etcd.EtcdWatchTimedOut):
            self.client.watch(self.key, timeout=0.2)
        first = self.client.write(self.key, 'past')
        event = self.client.watch(self.key, index=first.modifiedIndex, timeout=WAIT)
        self.assertEqual((event.action, event.value), ('set', 'past'))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            live = pool.submit(self.client.watch, self.dir, index=first.modifiedIndex + 1,
                               timeout=WAIT, recursive=True)
            self.client.delete(self.key)
            event = live.result()
        self.assertEqual((event.action, event.key), ('delete', self.key))

    def test_eternal_watch(self):
        index = self.client.write(self.key, '0').modifiedIndex
        writes = threading.Thread(
            target=lambda: [new_client().write(self.key, str(n)) for n in range(1, 6)])
        writes.start()
        values = []
        for event in self.client.eternal_watch(self.key, index=index):
            values.append(event.value)
            if event.value == '5':
                break
        writes.join()
        self.assertEqual(values, ['0', '1', '2', '3', '4', '5'])

    def test_keys_in_order(self):
        made = [self.client.write(self.dir + '/queue', value, append=True) for value in 'abc']
        for result in made:
            self.assertEqual(result.key, '%s/queue/%020d' % (self.dir, result.createdIndex))
        queue = self.client.read(self.dir + '/queue', sorted=True)
        self.assertEqual([leaf.value for leaf in queue.leaves], ['a', 'b', 'c'])

    def test_lock(self):
        name = self.dir.strip('/').replace('/', '-')
        self.addCleanup(self.client.delete, '/_locks/' + name, recursive=True)
        holder, waiter = etcd.Lock(self.client, name), etcd.Lock(new_client(), name)
        self.assertTrue(holder.acquire(lock_ttl=60))
        self.assertFalse(waiter.acquire(blocking=False, lock_ttl=60))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waits = pool.submit(waiter.acquire, lock_ttl=60, timeout=WAIT)
            self.assertTrue(holder.is_acquired)
            holder.release()
            self.assertTrue(waits.result())
        self.assertTrue(waiter.is_acquired)
        self.assertFalse(holder.is_acquired)
        waiter.release()

    def test_history_that_is_gone(self):
        old = self.client.write(self.key, 'old').modifiedIndex
        with concurrent.futures.ThreadPoolExecutor(max_workers=10) as pool:
            list(pool.map(lambda n: self.client.write('%s/busy-%d' % (self.dir, n % 10), n),
                          range(HISTORY + 100)))
        with self.assertRaises(etcd.EtcdEventIndexCleared) as gone:
            self.client.watch(self.key, index=old, timeout=WAIT)
        fresh = self.client.read(self.key)
        self.assertEqual(fresh.etcd_index, gone.exception.payload['index'])
        self.client.write(self.key, 'new')
        event = self.client.watch(self.key, index=fresh.etcd_index + 1, timeout=WAIT)
        self.assertEqual(event.value, 'new')


if __name__ == '__main__':
    # Some of the client's loops never give up; then this tells where it was.
    faulthandler.dump_traceback_later(50, exit=True)
    unittest.main(verbosity=2)
