package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

const foreignConfig = `{"container": "artifacts", "endpoint": "https://attacker.example", "credential": "azure-cli"}`

// foreignLine is the error about a foreign host that would receive a token.
const foreignLine = "the endpoint's host attacker.example does not belong to Azure Storage, and signing in would send it a token for all your storage accounts, " +
	"so nothing was sent: correct the endpoint, or set the environment variable NX_AZURE_CACHE_TRUSTED_HOSTS=attacker.example if you trust this host"

// An endpoint may come from a pull request, or be pasted by mistake. No command sends a
// token or anything else to a foreign endpoint.
func TestForeignEndpointOfCommands(t *testing.T) {
	proxy := faults.NewProxy()
	proxy.Start()
	t.Cleanup(proxy.Stop)
	t.Setenv("PATH", t.TempDir()) // az is not installed
	for _, command := range []string{"ls", "inspect 1", "evict --hash 1", "doctor", "doctor --security"} {
		for name, config := range map[string]string{
			"in nx.json": foreignConfig,
			"in a flag":  `{"container": "artifacts", "accountName": "nxcache", "credential": "azure-cli"}`,
		} {
			t.Run(command+" "+name, func(t *testing.T) {
				environment := testenv.WorkspaceEnv(t, testenv.DevRun, config, "")
				environment["HTTPS_PROXY"] = proxy.URL
				args := strings.Fields(command)
				if name == "in a flag" {
					args = append(args, "--endpoint", "https://attacker.example")
				}
				stdout, stderr, err := runWith(t, environment, args...)
				if said := stdout + stderr + fmt.Sprint(err); err == nil || strings.Count(said, foreignLine) < 1 {
					t.Errorf("got %s, want %q", said, foreignLine)
				}
			})
		}
	}
	environment := testenv.WorkspaceEnv(t, testenv.DevRun, foreignConfig, "")
	environment["HTTPS_PROXY"], environment[license.Variable] = proxy.URL, testenv.License(t, "valid.jwt")
	session := openSession(rpc.InitializeParams{Config: []byte(foreignConfig), WorkspaceRoot: t.TempDir()}, environment.Get, testenv.During)
	if session.Cache != nil || session.Reason != foreignLine {
		t.Errorf("serve got %+v, want %q", session, foreignLine)
	}
	if requested := proxy.Requested(); len(requested) > 0 {
		t.Errorf("got the requests %v, want none", requested)
	}
}

// doctor shows which host receives the token, and why it is trusted.
func TestDoctorShowsTheHostOfTheToken(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for trusted, want := range map[string]string{
		"attacker.example":            "attacker.example, trusted by NX_AZURE_CACHE_TRUSTED_HOSTS",
		"a.example, attacker.example": "attacker.example, trusted by NX_AZURE_CACHE_TRUSTED_HOSTS",
		"":                            foreignLine,
		"*.example":                   `NX_AZURE_CACHE_TRUSTED_HOSTS is "*.example"; it must be a comma-separated list of hosts`,
		"a.example?sig=hunter2":       "NX_AZURE_CACHE_TRUSTED_HOSTS is a string of 21 characters; it must be a comma-separated list of hosts",
	} {
		environment := testenv.WorkspaceEnv(t, testenv.DevRun, foreignConfig, "")
		environment[endpoint.TrustedHostsVariable] = trusted
		stdout, _, _ := runWith(t, environment, "doctor")
		if !strings.Contains(stdout, want) || strings.Contains(stdout, "hunter2") {
			t.Errorf("%q: got %s, want %q", trusted, stdout, want)
		}
	}
}
