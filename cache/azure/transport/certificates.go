package transport

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// CAFile is a file, or a folder of files, with certificates of certificate authorities.
type CAFile struct {
	Variable string // with its path
	Path     string
}

// Certificates is how many it contains.
func (f CAFile) Certificates() int {
	n := 0
	for range f.certificates() {
		n++
	}
	return n
}

// readCAs finds the files that the variables of Node and OpenSSL name. It reads only as
// far as the first certificate: reading a system's whole bundle takes longer than the
// rest of the start.
func (e *Environment) readCAs(getenv func(string) string) (warnings []diagnostic.Message) {
	var files []CAFile
	for _, variable := range []string{"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"} {
		if _, path := firstSet(getenv, variable); path != "" {
			files = append(files, CAFile{variable, path})
		}
	}
	_, list := firstSet(getenv, caFolders)
	for _, folder := range filepath.SplitList(list) {
		files = append(files, CAFile{caFolders, folder})
	}
	for _, file := range files {
		if err := file.check(); err != nil {
			warnings = append(warnings, diagnostic.Messagef(diagnostic.CertificatesNotLoaded, "%s: no certificates were loaded from %q: %v", file.Variable, printable.Short(file.Path, 2*MaxShown), err))
			continue
		}
		e.CAs = append(e.CAs, file)
	}
	return warnings
}

// Roots returns the trusted certificates, in addition to the system's; nil means only the
// system's. Go reads OpenSSL's variables itself, but not on Windows and macOS, and
// instead of the system's certificates.
func (e Environment) Roots() *x509.CertPool {
	if len(e.CAs) == 0 {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil { // a minimal container image has none
		roots = x509.NewCertPool()
	}
	for _, file := range e.CAs {
		for certificate := range file.certificates() {
			roots.AddCert(certificate)
		}
	}
	return roots
}

// caFolders is OpenSSL's variable for folders; the others name files.
const caFolders = "SSL_CERT_DIR"

// check returns why no certificate can be loaded.
func (f CAFile) check() error {
	for range f.certificates() {
		return nil
	}
	if f.Variable == caFolders {
		if _, err := os.ReadDir(f.Path); err != nil {
			return withoutPath(err)
		}
		return errors.New("no file in it has a PEM certificate")
	}
	if _, err := os.ReadFile(f.Path); err != nil {
		return withoutPath(err)
	}
	return errors.New("it has no PEM certificate (-----BEGIN CERTIFICATE-----)")
}

// certificates yields those of the file, or of the files in the folder. It skips what
// cannot be read or parsed: some bundles contain such data.
func (f CAFile) certificates() iter.Seq[*x509.Certificate] {
	return func(yield func(*x509.Certificate) bool) {
		for _, path := range f.paths() {
			text, _ := os.ReadFile(path)
			for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
				if block.Type != "CERTIFICATE" {
					continue
				}
				if certificate, err := x509.ParseCertificate(block.Bytes); err == nil && !yield(certificate) {
					return
				}
			}
		}
	}
}

func (f CAFile) paths() []string {
	if f.Variable != caFolders {
		return []string{f.Path}
	}
	entries, _ := os.ReadDir(f.Path)
	var paths []string
	for _, entry := range entries {
		paths = append(paths, filepath.Join(f.Path, entry.Name()))
	}
	return paths
}

// withoutPath drops the path from err; the caller shows it anyway.
func withoutPath(err error) error {
	failed, _ := errors.AsType[*fs.PathError](err)
	if failed == nil {
		return err
	}
	return cmp.Or(failed.Err, err)
}
