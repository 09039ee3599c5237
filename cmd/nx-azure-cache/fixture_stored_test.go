package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

const archives = "../../testdata/archives"

// store puts a result into the container, by a server of its own.
func (r *fixtureRun) store(hash, code, output string, tree []fixtureEntry) error {
	dir := cachetest.TempDir(r.t)
	if err := r.makeTree(filepath.Join(dir, hash), tree); err != nil {
		return err
	}
	exitCode, err := strconv.Atoi(code)
	if err != nil {
		return err
	}
	params := func(session string) (any, error) {
		params := rpc.StoreParams{Hash: hash, CacheDirectory: dir, Code: &exitCode, TerminalOutput: &output}
		if len(output) <= archive.InlineTerminalOutput {
			return params, nil
		}
		folder, err := sessionFolder(dir, session)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(folder, "output")
		params.TerminalOutput, params.TerminalOutputPath = nil, &file
		return params, os.WriteFile(file, []byte(output), 0o600)
	}
	var result rpc.StoreResult
	err = r.ask("store", params, &result, func() error {
		if !result.Queued {
			return fmt.Errorf("the result cannot be stored: %s", result.Reason)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, _, ok := r.storage.find(hash); !ok {
		return fmt.Errorf("the result %s was not stored", hash)
	}
	return nil
}

// expectStored restores a result from the container, by a server of its own.
func (r *fixtureRun) expectStored(hash, code, output string, tree []fixtureEntry) error {
	dir := cachetest.TempDir(r.t)
	var result *rpc.RetrieveResult
	params := func(string) (any, error) { return rpc.RetrieveParams{Hash: hash, CacheDirectory: dir}, nil }
	return r.ask("retrieve", params, &result, func() error {
		if result == nil {
			return fmt.Errorf("the container has no result %s", hash)
		}
		return r.checkResult(result, code, output, tree)
	})
}

func (r *fixtureRun) checkResult(result *rpc.RetrieveResult, code, output string, tree []fixtureEntry) error {
	if got := strconv.Itoa(result.Code); got != code {
		return fmt.Errorf("want the code %s, got %s", code, got)
	}
	if path := result.TerminalOutputPath; path != nil {
		if err := checkFile(*path, output); err != nil {
			return err
		}
	} else if *result.TerminalOutput != output {
		return fmt.Errorf("want the terminal output %s, got %s", show(output), show(*result.TerminalOutput))
	}
	return r.checkTree(result.OutputsPath, tree)
}

// ask sends one request to a server that runs for it alone, calls check when it
// is answered, and waits until all that follows from it is done. The params may
// depend on the server's session.
func (r *fixtureRun) ask(method string, params func(session string) (any, error), result any, check func() error) error {
	c := startFixtureClient(r.t.Context(), testenv.Env{
		license.Variable:          testenv.License(r.t, "valid.jwt"),
		config.ConnectionVariable: r.folder("connectionString"),
	})
	hello := func(string) (any, error) {
		hello := r.hello()
		hello["config"] = map[string]any{"container": fixtureContainer, "cacheFailures": true}
		return hello, nil
	}
	nothing := func(string) (any, error) { return nil, nil }
	session := ""
	for id, request := range []struct {
		method string
		params func(session string) (any, error)
	}{{"initialize", hello}, {method, params}, {"shutdown", nothing}} {
		params, err := request.params(session)
		if err != nil {
			return err
		}
		data, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": request.method, "params": params})
		if err != nil {
			return err
		}
		if err := c.send(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n%s", len(data), data), ""); err != nil {
			return err
		}
		got, err := c.take(r.placeholders, map[string]any{"id": float64(id), "result": "${any}", rest: 0})
		if err != nil {
			return err
		}
		if request.method != method {
			session = sessionIn(got)
			continue
		}
		if data, err = json.Marshal(got["result"]); err != nil {
			return err
		}
		if err := cmp.Or(json.Unmarshal(data, result), check()); err != nil {
			return err
		}
	}
	if err := c.closeStdin(); err != nil {
		return err
	}
	return c.waitForExit(r.placeholders, 0, "")
}

// storeArchive puts a golden archive into the container.
func (r *fixtureRun) storeArchive(hash, file string) error {
	body, err := os.ReadFile(filepath.Join(archives, file))
	if err != nil {
		return err
	}
	blob := azuretest.Blob{Body: body, Metadata: make(http.Header)}
	describe(blob)
	return r.storage.put("v1/local/"+hash, blob)
}
