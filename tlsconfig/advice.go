package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// advise says what to do about a handshake that failed between members; "" if it is nothing that an operator has to know,
// such as a connection that was closed.
func advise(err error) string {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.As(err, &host):
		return "its certificate has to name " + host.Host + " in subjectAltName (as IP: if that is an address)"
	case errors.As(err, &unknown):
		return "its certificate is signed by no authority in this member's --peer-trusted-ca-file (without that: the system's)"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew its certificate, or set the clocks"
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "the extended key usage of its certificate has to have both serverAuth and clientAuth: members use it for either"
	case errors.As(err, &invalid):
		return "it needs another certificate"
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response"):
		return "it does not speak TLS: compare http and https in the peer URLs of both"
	case strings.Contains(text, "didn't provide a certificate"):
		return "it needs --peer-cert-file and --peer-key-file: this member has --peer-client-cert-auth"
	case strings.Contains(text, "protocol version"), strings.Contains(text, "unsupported versions"):
		return "the two have no TLS version in common: see --tls-min-version"
	case strings.Contains(text, "no cipher suite"), isAlert(err) && strings.Contains(text, "handshake failure"):
		return "the two may have no cipher suite in common: see --cipher-suites"
	case isAlert(err):
		return "it does not accept this member's certificate; its log says why. It has to be signed by an authority that it trusts, " +
			"name this member's host, and be for serverAuth and clientAuth"
	}
	return ""
}

// isAlert reports whether the other side has said what it has against us.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// logFailure logs what went wrong with a connection at an address; who is the part of that which stays.
func (s *Source) logFailure(what, who, address string, err error) {
	advice := advise(err)
	if advice == "" {
		s.log.Debug(what, zap.String("address", address), zap.Error(err))
		return
	}
	if !s.failed.now(what+who+advice, time.Now()) {
		return
	}
	fields := []zap.Field{zap.String("address", address), zap.Error(err), zap.String("hint", advice)}
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) && len(refused.UnverifiedCertificates) > 0 {
		fields = append(fields, zap.Stringer("certificate", refused.UnverifiedCertificates[0].Subject))
	}
	s.log.Warn(what, fields...)
}

// ConnState is for the http.Server of the peer port: it logs, now and then, why a member that connected was turned away.
func (s *Source) ConnState(c net.Conn, state http.ConnState) {
	conn, ok := c.(*tls.Conn)
	if !ok || state != http.StateClosed || conn.ConnectionState().HandshakeComplete {
		return
	}
	if err := conn.Handshake(); err != nil { // it has failed: this says how
		address := c.RemoteAddr().String()
		host, _, _ := net.SplitHostPort(address) // "" for all that have none
		s.logFailure("a connection to the peer port was refused: the TLS handshake failed", host, address, err)
	}
}

const (
	again     = time.Minute // before the same thing is logged again
	maxSeldom = 100         // things that are remembered; beyond that, nothing new is logged
)

// seldom decides what is logged: members try again several times a second, and strangers as often as they like.
type seldom struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (s *seldom) now(what string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, known := s.last[what]; known && now.Sub(last) < again {
		return false
	}
	if len(s.last) >= maxSeldom {
		for w, last := range s.last {
			if now.Sub(last) >= again {
				delete(s.last, w)
			}
		}
		if len(s.last) >= maxSeldom {
			return false
		}
	}
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	s.last[what] = now
	return true
}
