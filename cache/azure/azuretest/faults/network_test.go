package faults_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// pipe is a listener that accepts one connection, the end of a pipe.
type pipe struct{ net.Conn }

func (p pipe) Accept() (net.Conn, error) { return p.Conn, nil }
func (p pipe) Addr() net.Addr            { return p.LocalAddr() }

// connect returns both ends of a connection over a network.
func connect(t *testing.T, network *faults.Network) (client, server net.Conn) {
	t.Helper()
	client, inner := net.Pipe()
	server, err := network.Listen(pipe{inner}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// arrivals reads a connection to its end and records when each number of bytes arrived.
func arrivals(t *testing.T, from io.Reader, total int) (at []time.Duration, sizes []int) {
	t.Helper()
	begin := time.Now()
	buffer := make([]byte, 1<<20)
	for total > 0 {
		n, err := from.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		total -= n
		at, sizes = append(at, time.Since(begin)), append(sizes, n)
	}
	return at, sizes
}

const megabyte = 1_000_000

// Bytes arrive at the rate, in both directions, and evenly.
func TestRate(t *testing.T) {
	for name, direction := range map[string]func(client, server net.Conn) (from, to net.Conn){
		"to the client": func(client, server net.Conn) (from, to net.Conn) { return server, client },
		"to the server": func(client, server net.Conn) (from, to net.Conn) { return client, server },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := new(faults.Network)
				network.SetRate(10 * megabyte)
				client, server := connect(t, network)
				from, to := direction(client, server)
				go func() {
					for range 2 { // like two requests on the same connection
						if n, err := from.Write(make([]byte, megabyte)); n != megabyte || err != nil {
							t.Errorf("got %d, %v", n, err)
						}
					}
				}()
				at, sizes := arrivals(t, to, 2*megabyte)
				var sum int
				for i := range at {
					sum += sizes[i]
					want := time.Duration(sum) * 100 * time.Nanosecond // 10 MB/s
					if (at[i] - want).Abs() > time.Microsecond {
						t.Fatalf("%d bytes arrived after %s, want %s", sum, at[i], want)
					}
					if sizes[i] > 20_000 {
						t.Fatalf("%d bytes arrived at once", sizes[i])
					}
				}
			})
		})
	}
}

// Small delays, such as those of sleeping goroutines, are made up for.
func TestRateAfterSmallDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(faults.Network)
		network.SetRate(megabyte)
		client, server := connect(t, network)
		go func() { _, _ = server.Write(make([]byte, megabyte)) }()
		begin := time.Now()
		buffer := make([]byte, megabyte)
		for left, reads := megabyte, 1; left > 0; reads++ {
			n, err := client.Read(buffer)
			if err != nil {
				t.Fatal(err)
			}
			left -= n
			if reads%4 == 0 { // the next piece arrives after 2 ms
				time.Sleep(3 * time.Millisecond)
			}
		}
		if took := time.Since(begin); (took - time.Second).Abs() > 5*time.Millisecond {
			t.Errorf("got %s, want a second", took)
		}
	})
}

// A client that was slow for long does not receive everything at once later.
func TestRateAfterALongDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(faults.Network)
		network.SetRate(megabyte)
		client, server := connect(t, network)
		done := make(chan error)
		go func() {
			_, err := server.Write(make([]byte, megabyte))
			done <- err
		}()
		buffer := make([]byte, 2000) // one piece takes 2 ms
		for range 100 {
			if _, err := io.ReadFull(client, buffer); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Millisecond)
		}
		begin := time.Now()
		if _, err := io.CopyN(io.Discard, client, megabyte/10); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 70*time.Millisecond {
			t.Errorf("got a tenth of a second's bytes in %s", took)
		}
		if err := errors.Join(client.Close(), <-done); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v, want %v", err, io.ErrClosedPipe)
		}
	})
}

// An idle connection does not save up bytes, and a new rate applies at once.
func TestRateAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(faults.Network)
		network.SetRate(megabyte)
		client, server := connect(t, network)
		go func() { _, _ = io.Copy(io.Discard, client) }()
		write := func() time.Duration {
			begin := time.Now()
			if _, err := server.Write(make([]byte, megabyte)); err != nil {
				t.Error(err)
			}
			return time.Since(begin)
		}
		for _, step := range []struct {
			rate int64
			want time.Duration
		}{{megabyte, time.Second}, {megabyte, time.Second}, {4 * megabyte, time.Second / 4}, {0, 0}, {megabyte / 10, 10 * time.Second}} {
			network.SetRate(step.rate)
			if took := write(); (took - step.want).Abs() > time.Microsecond {
				t.Errorf("at %d: got %s, want %s", step.rate, took, step.want)
			}
			time.Sleep(time.Minute)
		}
		_ = client.Close()
	})
}

// The rate applies to each connection separately.
func TestRateOfTwoConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(faults.Network)
		network.SetRate(megabyte)
		begin := time.Now()
		done := make(chan time.Duration, 2)
		for range cap(done) {
			client, server := connect(t, network)
			go func() { _, _ = server.Write(make([]byte, megabyte)) }()
			go func() {
				_, _ = io.CopyN(io.Discard, client, megabyte)
				done <- time.Since(begin)
			}()
		}
		for range cap(done) {
			if took := <-done; (took - time.Second).Abs() > time.Microsecond {
				t.Errorf("got %s, want a second", took)
			}
		}
	})
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := azuretest.New(azuretest.Options{Containers: []string{"results"}})
		service.SetLatency(20 * time.Millisecond)
		for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodHead} {
			r := httptest.NewRequestWithContext(t.Context(), method, "/"+azuretest.Account+"/results/a", strings.NewReader("x"))
			r.Header.Set("x-ms-blob-type", "BlockBlob")
			begin := time.Now()
			w := httptest.NewRecorder()
			service.ServeHTTP(w, r)
			if took := time.Since(begin); took != 20*time.Millisecond || w.Code/100 != 2 {
				t.Errorf("%s: got %d after %s, want success after 20ms", method, w.Code, took)
			}
		}
	})
}
