//go:build !linux

package front

import "errors"

// lot does not exist here: everything is handed on to net/http.
type lot struct{}

type spot struct{}

func newLot() (*lot, error) { return nil, errors.ErrUnsupported }

func (*lot) watch()            {}
func (*lot) close()            {}
func (*lot) enter(*conn)       {}
func (*lot) listen(spot, bool) {}
func (*lot) leave(*conn)       {}

func (*spot) read([]byte) (int, error)     { return 0, errors.ErrUnsupported }
func (*spot) tryWrite([]byte) (int, error) { return 0, errors.ErrUnsupported }

func isAgain(error) bool { return false }
