// Package drain waits until the server of another process has stored what it has accepted,
// and ends a server that takes too long or has stopped responding. It watches the folder in
// which that server publishes its state ([rpc.State]).
//
// It never ends a process of another user, and none whose lock does not prove that it is
// still the server. It does not know what is stored, nor where.
package drain
