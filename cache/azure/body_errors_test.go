package azure_test

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// brokenBody is a body whose second half cannot be read.
type brokenBody struct {
	io.Reader
	size int64
}

func (b *brokenBody) Seek(_ int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return b.size, nil
	}
	b.Reader = io.MultiReader(strings.NewReader("half"), iotest.ErrReader(&fileerror.Error{Err: &fs.PathError{Op: "read", Path: "5", Err: syscall.EIO}}))
	return 0, nil
}

// A body that cannot be read is not an error of the storage, and is not retried.
func TestUnreadableBody(t *testing.T) {
	service, text := startService(t)
	err := openService(t, text).Put(t.Context(), "a", &brokenBody{size: 8}, nil)
	if !fileerror.Is(err) || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want the error of the file", err)
	}
	if got := len(service.Requests()); got > 1 {
		t.Errorf("got %d requests, want one at most", got)
	}
}

// failingTransport is a transport that cannot connect.
type failingTransport struct {
	err   error
	tries int
}

func (f *failingTransport) Do(r *http.Request) (*http.Response, error) {
	f.tries++
	return nil, transport.Environment{}.Explain(r.URL, f.err)
}

// A connection that fails because too many files are open is a file error. A refused
// connection is an error of the network.
func TestConnectionWithTooManyOpenFiles(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for name, test := range map[string]struct {
		err    error
		isFile bool
		says   string
	}{
		"a socket":  {dial(os.NewSyscallError("socket", syscall.EMFILE)), true, "ulimit -n"},
		"any file":  {dial(os.NewSyscallError("socket", syscall.ENFILE)), true, "ulimit -n"},
		"for DNS":   {dial(&net.DNSError{Err: "dial udp 10.0.0.1:53: socket: too many open files", Name: "acc"}), true, "ulimit -n"},
		"forbidden": {dial(os.NewSyscallError("connect", syscall.EACCES)), false, "check the network"},
	} {
		t.Run(name, func(t *testing.T) {
			sender := &failingTransport{err: test.err}
			c := open(t, azure.Options{Container: "results", Endpoint: "https://acc.blob.core.windows.net", Credential: validFor(time.Hour), Transport: sender})
			_, err := c.Get(t.Context(), "a")
			if fileerror.Is(err) != test.isFile || err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q, a file error: %t", err, test.says, test.isFile)
			}
			if test.isFile && strings.Contains(err.Error(), "network") {
				t.Errorf("got %v, want no error of the network", err)
			}
			if sender.tries < 2 {
				t.Error("the connection was not retried")
			}
		})
	}
}
