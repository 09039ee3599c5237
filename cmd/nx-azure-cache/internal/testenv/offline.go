package testenv

// Offline keeps the early sign-in and connection of a server on this machine.
var Offline = Env{
	"HTTPS_PROXY":             "http://127.0.0.1:1", // no one listens there
	"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
}
