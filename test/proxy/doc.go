// Package proxy has no code of its own: its tests put Pando's proxy mode in front of clusters of processes, and kill,
// replace and restart what stands on both sides of it.
package proxy
