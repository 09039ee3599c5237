package azure_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// A listener with a full queue does not respond to a SYN, like a firewall that drops it.
func TestLimitOfTheConnection(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	for full := false; !full; {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if full = err != nil; !full {
			defer func() { _ = conn.Close() }()
		}
	}

	c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString("http://" + address)), Limits: short})
	begin := time.Now()
	_, err = get(t, c, "a")
	checkLimit(t, err, "no connection", "connect")
	if took := time.Since(begin); took > 2*short.Connect {
		t.Errorf("took %s, want %s: a limit is not retried", took, short.Connect)
	}
}

// The system buffers few unsent bytes. Otherwise a slow connection would look like a
// stalled one.
func TestUnsentBytesAreFew(t *testing.T) {
	w := listen(t, silent(""))
	body := &taken{Reader: strings.NewReader(strings.Repeat("x", 64<<20))}
	err := w.container(t, short).Put(t.Context(), "a", body, cache.Metadata{})
	checkLimit(t, err, "no data was transferred", "stall")
	if got := body.bytes.Load(); got == 0 || got > 1<<20 {
		t.Errorf("%d bytes were buffered before one was read, want some and at most 1 MiB", got)
	}
}

// taken counts the bytes read.
type taken struct {
	*strings.Reader
	bytes atomic.Int64
}

func (b *taken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.bytes.Add(int64(n))
	return n, err
}

// hides WriteTo of the Reader
func (b *taken) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}
