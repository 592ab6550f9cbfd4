// Drives a server through node-etcd:
//
//     node program.js http://127.0.0.1:2379
'use strict';

const assert = require('assert').strict;
const Etcd = require('node-etcd');

const [endpoint] = process.argv.slice(2);
const client = new Etcd(endpoint);
const dir = `/node-${process.pid}`;
const history = 1000; // how many events a server promises to keep, at the least

// call runs one of the client's methods and resolves to the answer's body;
// the headers are put beside it.
function call(method, ...args) {
  return new Promise((resolve, reject) => {
    client[method](...args, (err, body, headers) =>
      err ? reject(err) : resolve(Object.assign(Object(body), { headers })));
  });
}

// fails awaits the v2 error of that code.
async function fails(code, promise) {
  await assert.rejects(promise, (err) => {
    assert.equal(err.errorCode, code, `want error ${code}, got ${err} (${err.errorCode})`);
    return true;
  });
}

// emitted awaits a watcher's next event of that name.
function emitted(watcher, name) {
  return new Promise((resolve, reject) => {
    watcher.once(name, resolve);
    watcher.once('error', reject);
  });
}

const steps = {
  async 'what it asks first'() {
    assert.deepEqual(client.getHosts(), [endpoint]);
    // The key under which etcd 0.4 kept its machines; the client still asks for it.
    await fails(100, call('machines'));
    assert.equal(String(await call('raw', 'GET', 'v2/machines', null, {})), endpoint);
    const version = await call('version');
    assert.ok(version.etcdserver && version.etcdcluster, 'version lacks one of its two fields');
    const { members } = await call('raw', 'GET', 'v2/members', null, {});
    assert.deepEqual(members.map((m) => m.clientURLs), [[endpoint]]);
  },

  async 'set and get'() {
    const key = `${dir}/value`;
    const set = await call('set', key, 'füß & <x>\n');
    assert.equal(set.action, 'set');
    assert.equal(set.headers['x-etcd-index'], String(set.node.modifiedIndex));
    assert.equal((await call('get', key)).node.value, 'füß & <x>\n');
    assert.equal((await call('get', key, { quorum: true })).node.key, key);
    assert.equal((await call('set', key, 'two')).prevNode.value, 'füß & <x>\n');
    assert.equal((await call('set', key, 'three', { prevExist: true })).action, 'update');
    assert.equal(client.getSync(key).body.node.value, 'three');
    assert.equal((await call('del', key)).prevNode.value, 'three');
    await fails(100, call('get', key));
  },

  async 'compare and swap, compare and delete'() {
    const key = `${dir}/condition`;
    const made = await call('set', key, 'one', { prevExist: false });
    assert.equal(made.action, 'create');
    await fails(105, call('set', key, 'one', { prevExist: false }));
    await fails(101, call('compareAndSwap', key, 'two', 'wrong'));
    const swapped = await call('compareAndSwap', key, 'two', 'one');
    assert.equal(swapped.action, 'compareAndSwap');
    assert.equal(swapped.node.createdIndex, made.node.createdIndex);
    await fails(101, call('compareAndDelete', key, 'wrong'));
    assert.equal((await call('compareAndDelete', key, 'two')).action, 'compareAndDelete');
  },

  async 'directories and keys in order'() {
    const tree = `${dir}/tree`;
    assert.equal((await call('mkdir', tree)).node.dir, true);
    await fails(102, call('mkdir', tree));
    for (const value of ['a', 'b']) {
      const { node } = await call('create', tree, value);
      assert.equal(node.key, `${tree}/${String(node.createdIndex).padStart(20, '0')}`);
    }
    const { node } = await call('get', tree, { recursive: true, sorted: true });
    assert.deepEqual(node.nodes.map((n) => n.value), ['a', 'b']);
    await fails(108, call('rmdir', tree));
    assert.equal((await call('rmdir', tree, { recursive: true })).action, 'delete');
  },

  async 'watcher'() {
    const key = `${dir}/watched`;
    const { node } = await call('set', key, 'first');
    const watcher = client.watcher(key, node.modifiedIndex);
    assert.equal((await emitted(watcher, 'change')).node.value, 'first');
    const set = emitted(watcher, 'set');
    await call('set', key, 'second', { ttl: 1 });
    assert.equal((await set).node.value, 'second');
    assert.equal((await emitted(watcher, 'expire')).prevNode.value, 'second');
    watcher.stop();
  },

  async 'watcher on history that is gone'() {
    const tree = `${dir}/busy`;
    const { node } = await call('set', tree + '/old', 'old');
    for (let done = 0; done < history + 100; done += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, n) => call('set', `${tree}/${n}`, done)));
    }
    const watcher = client.watcher(tree + '/old', node.modifiedIndex);
    assert.equal((await emitted(watcher, 'resync')).errorCode, 401);
    const change = emitted(watcher, 'change');
    await call('set', tree + '/old', 'new');
    assert.equal((await change).node.value, 'new');
    watcher.stop();
  },
};

async function main() {
  for (const [name, step] of Object.entries(steps)) {
    const late = setTimeout(() => {
      console.error(`${name}: not done within 15 seconds`);
      process.exit(1);
    }, 15e3);
    try {
      await step();
      clearTimeout(late);
    } catch (err) {
      err.message = `${name}: ${err.message}`;
      throw err;
    }
    console.log('ok', name);
  }
  await call('rmdir', dir, { recursive: true });
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
