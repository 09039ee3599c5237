package transport

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// CAFile is a file, or a folder of files, with the certificates of certificate
// authorities.
type CAFile struct {
	Variable string // that names it
	Path     string
}

// Certificates is how many it has.
func (f CAFile) Certificates() int {
	n := 0
	for range f.certificates() {
		n++
	}
	return n
}

// readCAs finds the files that the variables of Node and OpenSSL name. It reads no
// more of them than tells that there is a certificate: all of a system's take
// longer than everything else at the start.
func (e *Environment) readCAs(getenv func(string) string) (warnings []string) {
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
			warnings = append(warnings, fmt.Sprintf("%s: no certificates were loaded from %q: %v", file.Variable, printable.Short(file.Path, 2*MaxShown), err))
			continue
		}
		e.CAs = append(e.CAs, file)
	}
	return warnings
}

// Roots reads whom it trusts; nil stands for those of the system, to which all
// others are added. Go reads the variables of OpenSSL itself, but not on Windows and
// macOS; and there is no place where it takes what they name beside the system's.
func (e Environment) Roots() *x509.CertPool {
	if len(e.CAs) == 0 {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil { // a bare container image has none
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

// check returns why no certificate can be taken from the file.
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

// certificates reads those of the file, or of the files of the folder. What cannot
// be read or is no certificate that Go takes is left out: some bundles and folders
// have such.
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

// withoutPath drops the path from err, which stands beside it.
func withoutPath(err error) error {
	failed, _ := errors.AsType[*fs.PathError](err)
	if failed == nil {
		return err
	}
	return cmp.Or(failed.Err, err)
}
