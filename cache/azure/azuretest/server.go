package azuretest

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// Server serves HTTP on 127.0.0.1.
type Server struct {
	URL  string // http://127.0.0.1:PORT
	http *http.Server
	done chan struct{} // closed when it accepts no more
}

// Start serves handler on a port of 127.0.0.1 over the network; port 0 means any free
// one.
func Start(port int, network *faults.Network, handler http.Handler) (*Server, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL: "http://" + l.Addr().String(),
		// Tests break off requests on purpose.
		http: &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(network.Listen(l)) // until Close
	}()
	return s, nil
}

// Close closes the server and all its connections, which ends waiting requests.
func (s *Server) Close() {
	_ = s.http.Close() // nothing is left to be lost
	<-s.done
}
