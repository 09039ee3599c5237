// Package testenv holds what the tests of this command share: environments of CI runs,
// attacks by .env files, licenses, keys, connection strings and blocks "azure". Only tests
// import it, and it imports none of the rooms, so the tests of every room can use it.
package testenv
