// Package certs makes certificates for tests, as openssl would: authorities, and what they sign, as PEM files in a directory
// of the test's.
//
//	ca := certs.NewAuthority(t, "ca")
//	pair := ca.Sign(t, certs.Leaf{Name: "node1"})
//	server.Start(t, server.Options{Args: []string{"--cert-file", pair.Cert, "--key-file", pair.Key}})
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	File string // its certificate

	cert *x509.Certificate
	key  crypto.Signer
}

// Leaf is a certificate to be made. The zero value is good for everything on 127.0.0.1 for a day.
type Leaf struct {
	Name  string // common name
	Hosts []string
	// NoHosts leaves out the subject alternative names.
	NoHosts   bool
	Usages    []x509.ExtKeyUsage
	NotBefore time.Time
	NotAfter  time.Time
}

// Pair is a certificate and its key.
type Pair struct {
	Cert, Key string // files
	TLS       tls.Certificate
}

// NewAuthority makes an authority that signs itself.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	template := template(name, time.Time{}, time.Time{})
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &Authority{File: filepath.Join(t.TempDir(), name+".pem"), cert: cert, key: key}
	Write(t, a.File, encode("CERTIFICATE", der))
	return a
}

// Pool holds the authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Sign makes a certificate with a key of its own, in a directory of its own.
func (a *Authority) Sign(t testing.TB, l Leaf) Pair {
	t.Helper()
	template := template(l.Name, l.NotBefore, l.NotAfter)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = l.Usages
	if l.Usages == nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	hosts := l.Hosts
	if hosts == nil {
		hosts = []string{"127.0.0.1", "localhost"}
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); l.NoHosts {
			continue
		} else if ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := Pair{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	Write(t, p.Cert, encode("CERTIFICATE", der))
	Write(t, p.Key, encode("PRIVATE KEY", keyDER))
	if p.TLS, err = tls.LoadX509KeyPair(p.Cert, p.Key); err != nil {
		t.Fatal(err)
	}
	return p
}

// Write replaces a file in one step, as who renews certificates should; only its owner may read it.
func Write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// Copy replaces a file by another.
func Copy(t testing.TB, to, from string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	Write(t, to, text)
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func template(name string, from, to time.Time) *x509.Certificate {
	if from.IsZero() {
		from = time.Now().Add(-time.Hour)
	}
	if to.IsZero() {
		to = time.Now().Add(24 * time.Hour)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // which never fails
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
