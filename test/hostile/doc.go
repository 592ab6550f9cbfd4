// Package hostile holds tests with clients that mean harm, against Pando as a process: what they send costs it a bounded
// amount of memory, and nobody else is held up.
package hostile
