package testenv

// Offline keeps a server that signs in and connects before it has to on this
// machine.
var Offline = Env{
	"HTTPS_PROXY":             "http://127.0.0.1:1", // no one listens there
	"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
}
