// SPDX-License-Identifier: Apache-2.0

// Package credentialstest makes certificates for tests.
package credentialstest

import (
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

	"github.com/stretchr/testify/require"
)

// Identity is a certificate for 127.0.0.1, good for either side: as a pair, and as PEM files that end with the test. One of New is its
// own authority.
type Identity struct {
	Pair              tls.Certificate
	CertFile, KeyFile string
}

// New makes an identity that is valid for an hour.
func New(t testing.TB) Identity {
	t.Helper()
	return issue(t, nil, time.Now().Add(time.Hour))
}

// Issue makes an identity that is valid until then and that id, as an authority, has signed.
func (id Identity) Issue(t testing.TB, until time.Time) Identity {
	t.Helper()
	return issue(t, &id, until)
}

// issue makes an identity; without an authority it is its own.
func issue(t testing.TB, authority *Identity, until time.Time) Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "tcpledger test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              until,
		IsCA:                  authority == nil,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := template, any(key)
	if authority == nil {
		template.KeyUsage |= x509.KeyUsageCertSign
	} else {
		template.Subject.CommonName = "tcpledger test client"
		parent, err = x509.ParseCertificate(authority.Pair.Certificate[0])
		require.NoError(t, err)
		signer = authority.Pair.PrivateKey
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	id := Identity{
		Pair:     tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key},
		CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
	}
	require.NoError(t, os.WriteFile(id.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	require.NoError(t, os.WriteFile(id.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return id
}

// Write writes the certificate and the key to these paths, as a rotation does.
func (id Identity) Write(t testing.TB, certPath, keyPath string) {
	t.Helper()
	for from, to := range map[string]string{id.CertFile: certPath, id.KeyFile: keyPath} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, content, 0o600))
	}
}

// Pool holds the certificate as an authority.
func (id Identity) Pool(t testing.TB) *x509.CertPool {
	t.Helper()
	leaf, err := x509.ParseCertificate(id.Pair.Certificate[0])
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return pool
}
