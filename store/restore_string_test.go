package store

import (
	"math/rand/v2"
	"testing"
)

// TestVerbatimPart compares eight bytes at a time with one at a time.
func TestVerbatimPart(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200_000 {
		b := make([]byte, random.IntN(40))
		for i := range b {
			if b[i] = byte('a' + random.IntN(26)); random.IntN(20) == 0 {
				b[i] = byte(random.IntN(256))
			}
		}
		want, wantASCII := 0, true
		for want < len(b) && verbatim[b[want]] {
			wantASCII = wantASCII && b[want] < 0x80
			want++
		}
		if n, ascii := verbatimPart(b); n != want || ascii != wantASCII {
			t.Fatalf("%q: %d, %v; want %d, %v", b, n, ascii, want, wantASCII)
		}
	}
}
