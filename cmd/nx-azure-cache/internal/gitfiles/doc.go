// Package gitfiles asks git which commit a checkout is at, and which files changed. A
// checkout is the attacker's word: git runs nothing that the checkout, its configuration or
// its .env files name, opens no connection, and writes nothing. A response is limited in time
// and in size, and it is data: a file name may contain anything but a zero byte.
//
// The package must not know what the files mean to Nx.
package gitfiles
