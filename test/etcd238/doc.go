// Package etcd238 has no code of its own: its tests hand one data directory from Pando to a real etcd 2.3.8 and back,
// and compare what clients see. The etcd is named by PANDO_TEST_ETCD238, the path of its binary.
package etcd238
