package misses

import (
	"cmp"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
)

const (
	// graphFile is where Nx 20 to 24 keep the project graph.
	graphFile = ".nx/workspace-data/project-graph.json"
	maxGraph  = 64 << 20
	// maxManifest is the size of the largest package.json or lock file that is read.
	maxManifest = 8 << 20
)

// projectRoot returns the root of a project by the project graph.
func (c *checkout) projectRoot(project string) (string, bool) {
	if c.graph == nil {
		c.graph = make(map[string]string)
		var graph struct {
			Nodes map[string]struct {
				Data struct {
					Root string `json:"root"`
				} `json:"data"`
			} `json:"nodes"`
		}
		content, err := c.readFile(graphFile, cmp.Or(c.maxGraph, maxGraph))
		if err == nil && json.Unmarshal(content, &graph) == nil {
			for name, node := range graph.Nodes {
				if root := path.Clean(node.Data.Root); root == "." || filepath.IsLocal(root) {
					c.graph[name] = root
				}
			}
		}
	}
	root, ok := c.graph[project]
	return root, ok
}

// readFile reads a file of the workspace. It follows no link out of it, and opens no FIFO,
// which would block.
func (c *checkout) readFile(name string, most int64) ([]byte, error) {
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return nil, err
	}
	defer root.Close() // reading only: nothing is lost
	return directory.ReadFile(root, filepath.FromSlash(name), most)
}

// versions returns the npm packages whose versions differ between two runs, by package.json
// and package-lock.json.
func (c *checkout) versions(run *causes.Run) []string {
	if found, ok := c.packages[run]; ok {
		return found
	}
	var found []string
	if run.Commit != "" && c.knows(run.Commit) {
		for _, manifest := range []string{"package-lock.json", "package.json"} {
			there, err := c.repository.Show(c.ctx, run.Commit, manifest)
			if err != nil {
				continue
			}
			here, err := c.contentHere(manifest)
			if err != nil {
				continue
			}
			if found = compareVersions(versionsIn(there), versionsIn(here)); len(found) > 0 {
				break
			}
		}
	}
	c.packages[run] = found
	return found
}

// contentHere returns a file as the run that is explained had it.
func (c *checkout) contentHere(name string) (string, error) {
	if c.isOfRun {
		content, err := c.readFile(name, maxManifest)
		return string(content), err
	}
	return c.repository.Show(c.ctx, c.commit, name)
}

// versionsIn returns the versions of packages in package-lock.json or package.json.
func versionsIn(manifest string) map[string]string {
	var parsed struct {
		Packages map[string]struct {
			Version string `json:"version"`
			Link    bool   `json:"link"`
		} `json:"packages"`
		Dependencies, DevDependencies, PeerDependencies, OptionalDependencies map[string]any
	}
	versions := make(map[string]string)
	if json.Unmarshal([]byte(manifest), &parsed) != nil {
		return versions
	}
	for folder, locked := range parsed.Packages {
		if name, ok := strings.CutPrefix(folder, "node_modules/"); ok && !locked.Link {
			versions[name] = locked.Version
		}
	}
	if len(parsed.Packages) > 0 {
		return versions
	}
	for _, list := range []map[string]any{parsed.PeerDependencies, parsed.OptionalDependencies, parsed.DevDependencies, parsed.Dependencies} {
		for name, version := range list {
			if version, ok := version.(string); ok {
				versions[name] = version
			}
		}
	}
	return versions
}

// compareVersions describes what changed, sorted by name.
func compareVersions(there, here map[string]string) []string {
	var changed []string
	for name, version := range here {
		switch before, ok := there[name]; {
		case !ok:
			changed = append(changed, name+" "+version+" (new)")
		case before != version:
			changed = append(changed, name+" "+before+" → "+version)
		}
	}
	for name, version := range there {
		if _, ok := here[name]; !ok {
			changed = append(changed, name+" "+version+" (removed)")
		}
	}
	slices.Sort(changed)
	return changed
}
