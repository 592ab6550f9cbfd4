// Package tree is the persistent directory tree: the state that etcd's v2 store keeps, as nodes that never change once
// they have been published.
//
// It promises
//   - that a published root, and everything below it, stays as it is for ever. Readers need no lock, and may hold a root
//     as long as they like;
//   - that a write costs what it changes: the way from the root to the node is copied once in a batch, whatever the size
//     of the directories on it. Directories that the batch has copied or made are changed in place until the next root
//     is published;
//   - that children are listed in the byte order of their names, at no cost for sorting.
//
// It asks of its caller
//   - that one goroutine at a time uses a Tree. Nodes of a published root are everybody's;
//   - that paths are clean: absolute, no trailing slash, no empty element. "/" is the root.
//
// A node holds its name and not its path, and no pointer to its parent. A permanent file is one piece of memory of 24 bytes and
// its name and its value, without a pointer; only directories have children, in a B+ tree whose pages are copied on write too.
package tree
