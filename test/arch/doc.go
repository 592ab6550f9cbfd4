// Package arch holds the architecture as tests: which package may import which, that the state machine reads no clock, and
// the house rules for files, functions and comments. It reads the module's source as it lies in the checkout, and so
// sees every file, whatever the build tags.
package arch
