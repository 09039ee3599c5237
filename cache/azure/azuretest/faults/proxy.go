package faults

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
)

// Proxy is an HTTP proxy for tests. It connects (CONNECT) to the hosts in its table only.
type Proxy struct {
	*httptest.Server

	mu        sync.Mutex
	user      string
	password  string
	scheme    string // of its challenge
	status    int    // its response to all requests; 0 means that it connects
	routes    map[string]string
	requested []string
	open      []net.Conn
	pumping   sync.WaitGroup
}

// NewProxy returns a proxy that is not started yet; see the methods of [httptest.Server].
func NewProxy() *Proxy {
	p := &Proxy{routes: make(map[string]string), scheme: `Basic realm="proxy"`}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail in tests
	p.TLS = &tls.Config{}
	return p
}

// Route makes connections to address, such as "account.blob.example:443", lead to another
// address.
func (p *Proxy) Route(address, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.routes[address] = to
}

// Want makes the proxy require a user and a password.
func (p *Proxy) Want(user, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user, p.password = user, password
}

// Challenge sets the scheme of the proxy's challenge.
func (p *Proxy) Challenge(scheme string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scheme = scheme
}

// Refuse makes the proxy respond with a status to every request.
func (p *Proxy) Refuse(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// Requested returns the addresses that clients requested, sorted, each once.
func (p *Proxy) Requested() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	requested := slices.Sorted(slices.Values(p.requested))
	return slices.Compact(requested)
}

// Stop closes the proxy and all connections through it.
func (p *Proxy) Stop() {
	p.Close()
	p.mu.Lock()
	for _, conn := range p.open {
		_ = conn.Close() // their data is not needed
	}
	p.mu.Unlock()
	p.pumping.Wait()
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	status, to := p.decide(r)
	if status != http.StatusOK {
		if status == http.StatusProxyAuthRequired {
			w.Header().Set("Proxy-Authenticate", p.scheme)
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html>The proxy says no.</html>") // the client may be gone
		return
	}
	server, err := net.Dial("tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = server.Close() // nothing was sent on it
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	p.mu.Lock()
	p.open = append(p.open, client, server)
	p.mu.Unlock()
	p.pumping.Go(func() { pump(server, buffered) })
	p.pumping.Go(func() { pump(client, server) })
}

// pump copies until one side closes, and closes the other.
func pump(to net.Conn, from io.Reader) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// decide returns the status of the response, and the address to connect to.
func (p *Proxy) decide(r *http.Request) (status int, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
	switch to := p.routes[r.Host]; {
	case p.status != 0:
		return p.status, ""
	case user != p.user || password != p.password:
		return http.StatusProxyAuthRequired, ""
	case r.Method != http.MethodConnect:
		return http.StatusMethodNotAllowed, ""
	default:
		p.requested = append(p.requested, r.Host)
		if to == "" {
			return http.StatusServiceUnavailable, ""
		}
		return http.StatusOK, to
	}
}
