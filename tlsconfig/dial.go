package tlsconfig

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// handshakeTimeout bounds the handshake of a connection to a member.
const handshakeTimeout = 5 * time.Second

// Dial connects to an address; it has the form of net.Dialer.DialContext and of http.Transport.DialTLSContext.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Client returns the configuration of a connection that is made now. The port's certificate is shown to whoever asks for
// one, fitting or not: who refuses it can say why.
func (s *Source) Client() *tls.Config {
	c := s.base()
	c.RootCAs = s.authorities()
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if s.pair == nil {
			return &tls.Certificate{}, nil
		}
		return s.pair.get(), nil
	}
	return c
}

// DialTLS makes a dial function for http.Transport.DialTLSContext from one that connects. A handshake that fails, or a
// certificate of ours that is refused, is logged now and then, with what to do about it. HTTP/2 is not offered.
func (s *Source) DialTLS(connect Dial) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		plain, err := connect(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := s.Client()
		if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
			_ = plain.Close()
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		conn := tls.Client(plain, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = plain.Close()
			s.logFailure("cannot connect to a member: the TLS handshake failed", address, address, err)
			return nil, err
		}
		return &dialled{Conn: conn, s: s, address: address}, nil
	}
}

// dialled is a connection of DialTLS. In TLS 1.3 the other side refuses a certificate after the handshake has ended here.
type dialled struct {
	*tls.Conn
	s       *Source
	address string
}

// Read logs what the other side has against us.
func (d *dialled) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if err != nil && isAlert(err) {
		d.s.logFailure("a member refuses the TLS connection", d.address, d.address, err)
	}
	return n, err
}

// Transport returns an HTTP client's transport for requests to members, http or https. The caller may set its other fields
// before it is used, and closes its idle connections.
func (s *Source) Transport(connect Dial) *http.Transport {
	return &http.Transport{
		Proxy:          http.ProxyFromEnvironment,
		DialContext:    connect,
		DialTLSContext: s.DialTLS(connect),
		// Through a proxy, which net/http dials itself:
		TLSClientConfig:     s.Client(),
		TLSHandshakeTimeout: handshakeTimeout,
	}
}
