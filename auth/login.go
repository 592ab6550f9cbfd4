package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash/maphash"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const (
	// bcryptCost is the reference's: about 60 ms.
	bcryptCost = bcrypt.DefaultCost
	// maxPassword is how much of a password bcrypt looks at. The reference passes over the rest in silence.
	maxPassword = 72
	// bcryptDecoy is the hash that the password of an unknown user is compared with, so that it takes as long. Nothing depends
	// on what it is of.
	bcryptDecoy = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	// patience is how long a password waits for its check.
	patience = 5 * time.Second
	// restFactor is how many times as long as a wrong password took to check its place stays empty, and its answer waits: the
	// scheduler knows no priorities, and who guesses must not cost the others more than this leaves him.
	restFactor = 3
	// laneCount is how many groups of addresses take turns.
	laneCount = 64
)

// lanes bound bcrypt: so many at the same time, and of those that wait no more than that from one address, so that the
// others need not wait behind all of them. The same holds for users that exist and for those that do not. Who waits
// is bounded by the connections there may be.
type lanes struct {
	seed  maphash.Seed
	slots chan struct{}
	lane  [laneCount]chan struct{}
}

func newLanes() *lanes {
	n := max(1, min(runtime.GOMAXPROCS(0), runtime.NumCPU())/2)
	l := &lanes{seed: maphash.MakeSeed(), slots: make(chan struct{}, n)}
	for i := range l.lane {
		l.lane[i] = make(chan struct{}, n)
	}
	return l
}

// of is the number of the lane of an address. All of an IPv6 network are one: any machine in it may have any of them.
func (l *lanes) of(from string) uint64 {
	if a, err := netip.ParseAddr(from); err == nil && a.Unmap().Is6() {
		if network, err := a.Prefix(64); err == nil {
			from = network.String()
		}
	}
	return maphash.String(l.seed, from) % laneCount
}

// run calls work, for a client at that address, when it is its turn, and rests if it was for nothing. The error is ErrBusy or
// that of ctx.
func (l *lanes) run(ctx context.Context, from string, work func() (good bool)) error {
	timed, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, turn := range []chan struct{}{l.lane[l.of(from)], l.slots} {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-timed.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return ErrBusy
		}
	}
	began := time.Now()
	if !work() {
		<-time.After(restFactor * time.Since(began)) // also if the client has left
	}
	return nil
}

// keyed is what a verified password is remembered by. The key never leaves the process and dies with it.
type keyed struct{ key [sha256.Size]byte }

func newKeyed() *keyed {
	k := new(keyed)
	_, _ = rand.Read(k.key[:]) // never fails: it ends the process instead
	return k
}

// of returns the keyed hash of a password.
func (k *keyed) of(password string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, k.key[:])
	_, _ = mac.Write([]byte(password)) // never fails
	mac.Sum(sum[:0])
	return sum
}

// remembers reports whether the password with that keyed hash was verified. It may be called on nil.
func (a *account) remembers(sum *[sha256.Size]byte) bool {
	if a == nil {
		return false
	}
	verified := a.verified.Load()
	return verified != nil && hmac.Equal(verified[:], sum[:])
}

// login returns the user whose credentials these are. The error is ErrDenied, ErrBusy or that of ctx.
func (s *Service) login(ctx context.Context, t *table, c Credentials) (*account, error) {
	if c.Malformed {
		return nil, ErrDenied
	}
	password := c.Password[:min(len(c.Password), maxPassword)]
	a, sum := t.users[c.User], s.keyed.of(password)
	if a.remembers(&sum) {
		return a, nil
	}
	right := false
	err := s.lanes.run(ctx, c.From, func() bool {
		if right = a.remembers(&sum); right { // by now
			return true
		}
		stored := s.decoy
		if a != nil {
			stored = a.Password
		}
		right = bcrypt.CompareHashAndPassword([]byte(stored), []byte(password)) == nil && a != nil
		return right
	})
	if err != nil {
		return nil, err
	}
	if !right {
		s.reportWrong(c)
		return nil, ErrDenied
	}
	a.verified.Store(&sum)
	return a, nil
}

// hash returns what is stored of a new password. The error is ErrBusy or that of ctx.
func (s *Service) hash(ctx context.Context, from, password string) (string, error) {
	var hash []byte
	var failed error
	err := s.lanes.run(ctx, from, func() bool {
		hash, failed = bcrypt.GenerateFromPassword([]byte(password[:min(len(password), maxPassword)]), s.cost)
		return true
	})
	if err == nil {
		err = failed
	}
	return string(hash), err
}
