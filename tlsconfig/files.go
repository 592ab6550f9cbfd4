package tlsconfig

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxFile bounds a certificate file, in bytes. The bundle of all authorities of the web has a quarter of a megabyte.
const maxFile = 4 << 20

// file is a file and the flag that names it.
type file struct{ flag, path string }

// wrong says what is wrong with the file.
func (f file) wrong(format string, args ...any) error {
	return fmt.Errorf("--%s %s: %w", f.flag, f.path, fmt.Errorf(format, args...))
}

// read reads the file. A pipe or a device, which could block a handshake, is refused.
func (f file) read() ([]byte, error) {
	stat, err := os.Stat(f.path)
	switch {
	case err != nil:
		return nil, f.unreadable(err)
	case stat.IsDir():
		return nil, f.wrong("is a directory")
	case !stat.Mode().IsRegular():
		return nil, f.wrong("is not a regular file")
	}
	opened, err := os.Open(f.path)
	if err != nil {
		return nil, f.unreadable(err)
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	switch {
	case err != nil:
		return nil, f.unreadable(err)
	case len(text) > maxFile:
		return nil, f.wrong("has more than %d bytes", maxFile)
	}
	return text, nil
}

func (f file) unreadable(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the path stands there already
	}
	if errors.Is(err, fs.ErrPermission) {
		return f.wrong("%w: it must be readable for uid %d, which pando runs as", err, os.Geteuid())
	}
	return f.wrong("%w", err)
}

// parsePair makes a certificate from the contents of its file and of its key's. Leaf is set in it.
func parsePair(cert, key file, contents [][]byte) (*tls.Certificate, error) {
	first, err := find(cert, contents[0], "a certificate", isCertificate)
	if err != nil {
		return nil, err
	}
	if _, err := find(key, contents[1], "a private key", isKey); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err == nil {
		return &pair, nil
	}
	// X509KeyPair does not say which file it speaks of.
	if _, wrong := x509.ParseCertificate(first.Bytes); wrong != nil {
		return nil, cert.wrong("%w", wrong)
	}
	if strings.Contains(err.Error(), "does not match") {
		return nil, key.wrong("is not the key of the certificate in --%s %s", cert.flag, cert.path)
	}
	return nil, key.wrong("%w", err)
}

func isCertificate(b *pem.Block) bool { return b.Type == "CERTIFICATE" }

func isKey(b *pem.Block) bool {
	return b.Type == "PRIVATE KEY" || strings.HasSuffix(b.Type, " PRIVATE KEY") && b.Type != "ENCRYPTED PRIVATE KEY" && b.Headers["DEK-Info"] == ""
}

// find returns the first PEM block of a kind, or says what there is instead. A file that is not whole has none.
func find(f file, text []byte, what string, is func(*pem.Block) bool) (*pem.Block, error) {
	var types []string
	var first *pem.Block
	encrypted := false
	block, rest := pem.Decode(text)
	for ; block != nil; block, rest = pem.Decode(rest) {
		if is(block) && first == nil {
			first = block
		}
		encrypted = encrypted || strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != ""
		types = append(types, block.Type)
	}
	switch {
	case bytes.Contains(rest, []byte("-----BEGIN ")): // such as a bundle that is being written
		return nil, f.wrong("ends within a PEM block, or has one that is malformed")
	case first != nil:
		return first, nil
	case encrypted:
		return nil, f.wrong("is encrypted, and nobody could be asked for its password: remove that with `openssl pkey`")
	case len(bytes.TrimSpace(text)) == 0:
		return nil, f.wrong("is empty")
	case len(types) > 0:
		return nil, f.wrong("holds no PEM block of %s, only %s", what, strings.Join(types, ", "))
	}
	return nil, f.wrong("holds no PEM block of %s", what)
}

// parsePool makes a pool from the contents of bundles. Each must hold a certificate, and only certificates that can be read.
func parsePool(files []file, contents [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for i, f := range files {
		if _, err := find(f, contents[i], "a certificate", isCertificate); err != nil {
			return nil, err
		}
		for block, rest := pem.Decode(contents[i]); block != nil; block, rest = pem.Decode(rest) {
			if !isCertificate(block) {
				continue
			}
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, f.wrong("%w", err)
			}
			pool.AddCert(c)
		}
	}
	return pool, nil
}
