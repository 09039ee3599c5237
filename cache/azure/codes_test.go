package azure_test

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
)

// A code of a new SDK version needs a meaning.
func TestEveryCodeOfTheSDKHasAMeaning(t *testing.T) {
	t.Parallel()
	const importPath = "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	folder, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", importPath).Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(folder)), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	codes := 0
	for _, file := range files {
		parsed, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			constant, ok := node.(*ast.ValueSpec)
			if !ok || len(constant.Values) != 1 {
				return true
			}
			if kind, ok := constant.Type.(*ast.Ident); !ok || kind.Name != "Code" {
				return true
			}
			code, err := strconv.Unquote(constant.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes++
			_, isKnown := explain.Meanings[bloberror.Code(code)]
			if !isKnown {
				t.Errorf("%s has no meaning: add it to the table in codes.go", code)
			}
			return true
		})
	}
	if codes < 100 {
		t.Errorf("found %d codes in %s", codes, folder)
	}
}

// statuses are the HTTP status codes that codes of a meaning come with.
var statuses = map[explain.Meaning][]int{
	explain.AboutBlob: {http.StatusConflict, http.StatusPreconditionFailed}, explain.AboutAccess: {http.StatusForbidden}, explain.AboutService: {http.StatusServiceUnavailable},
	explain.AboutRequest: {http.StatusBadRequest},
}

// An error about one blob has no effect on the cache. An error about the account turns it
// off at once. All other errors count.
func TestCodesByTheirMeaning(t *testing.T) {
	for code, meaning := range explain.Meanings {
		for _, status := range statuses[meaning] {
			t.Run(string(code), func(t *testing.T) {
				t.Parallel()
				s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("x-ms-retry-after-ms", "1")
					fail(w, status, string(code))
				})
				breaker := cache.NewBreaker(s.container(t))
				var gets, puts []outcome
				for range 6 {
					_, err := get(t, breaker, "a")
					gets = append(gets, outcomeOf(err))
					puts = append(puts, outcomeOf(put(t, breaker, "a", "x")))
				}
				get, put := gets[5], puts[5]
				isMiss := get == unreadable || get == notFound
				switch {
				case meaning == explain.AboutBlob && (!isMiss || put != exists):
					t.Errorf("got %s and %s, want a miss and %s", get, put, exists)
				case meaning == explain.AboutAccess && (gets[0] != configError || get != configError || put != configError):
					t.Errorf("got %s, %s and %s, want %s", gets[0], get, put, configError)
				case (meaning == explain.AboutService || meaning == explain.AboutRequest) && (gets[0] != plain || get != plain || put != plain):
					t.Errorf("got %s, %s and %s, want %s", gets[0], get, put, plain)
				}
			})
		}
	}
}

// The error of an archived entry names the lifecycle rule and the command.
func TestArchivedEntryIsExplained(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusConflict, "BlobArchived") })
	_, err := get(t, s.container(t), "a/b")
	want := "entries in the archive tier cannot be read (409 BlobArchived: " + s.URL + "/account/results/a/b): they count as cache misses and are not replaced; " +
		"a lifecycle rule of the storage account moved them: change it to delete them, and remove the archived ones with `npx nx-azure-cache evict --archived`"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
