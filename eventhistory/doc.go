// Package eventhistory keeps the bounded window of past events and lets watchers wait for the next one.
//
// It promises
//   - that a watch which starts at X-Etcd-Index+1 of a read, or at modifiedIndex+1 of the last event, misses nothing and
//     gets nothing twice (keys-api spec, section 15);
//   - that no watcher has a queue. One that waits is parked and has no position: it has seen whatever was published. It is
//     handed the pointer to its event, so a one-shot watcher answers from it however late it gets to run. Only a stream
//     that is behind reads from the window, and only such a stream can be cut, when the window has passed it;
//   - that a write costs the same whoever waits elsewhere: parked watchers are found by path, in a tree of watched paths,
//     and not one is looked at that the event is not for. Closing a watcher takes constant time.
//
// It asks of its caller
//   - that one goroutine, the one that applies, calls Publish, Notify and Restore; everything else may be called by anybody;
//   - that indexes are consecutive: every index of the store has one event;
//   - that a batch is much smaller than the window. A bigger one loses no event of a one-shot watcher, but cuts every
//     stream that two of its events are for;
//   - that paths are clean: absolute, no trailing slash, no empty element. "/" is the root.
//
// The order of a batch is: Publish, which also makes the new tree visible, then the caller wakes the writers, then Notify.
// Between the two a new watch already finds the batch in the window, and Notify does not tell it again. Nobody who was
// given an event reads a tree without it, and nobody who watches from the index of a read misses what came after.
package eventhistory
