package faults

import (
	"crypto/tls"
	"net"
)

// ResetConnection closes a connection so that the other end sees a reset.
func ResetConnection(connection net.Conn) {
	_ = tcp(connection).SetLinger(0) // the client may have gone
	_ = tcp(connection).Close()
}

// tcp returns the TCP connection below a connection.
func tcp(connection net.Conn) *net.TCPConn {
	switch inner := connection.(type) {
	case *tls.Conn:
		return tcp(inner.NetConn())
	case *conn:
		return tcp(inner.Conn)
	default:
		return inner.(*net.TCPConn)
	}
}
