package entries

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/table"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// maxCell is how many columns of a terminal a name takes at most. Foreign names may be
// longer; inspect and JSON have all of them.
const maxCell = 48

// printer writes entries as lines of a table or of JSON.
type printer struct {
	out    *bufio.Writer
	json   bool
	isLive bool // a person waits for the lines
	table  *table.Writer
}

func newPrinter(stdout io.Writer, live *terminal.LiveLine, asJSON bool) *printer {
	p := &printer{out: newOutput(stdout, live), json: asJSON, isLive: terminal.IsTerminal(stdout)}
	p.table = table.New(p.out, table.Column{Title: "SCOPE", Most: maxCell}, table.Column{Title: "HASH"}, table.Column{Title: "TASK", Most: maxCell},
		table.Column{Title: "SIZE", Right: true}, table.Column{Title: "WRITTEN"}, table.Column{Title: "SIGNATURE"},
		table.Column{Title: "REPOSITORY", Most: maxCell}, table.Column{Title: "REF", Most: maxCell}, table.Column{Title: "COMMIT"}, table.Column{Title: "RUN"})
	return p
}

func (p *printer) add(e *entry) error {
	line, err := p.line(e)
	if err != nil {
		return err
	}
	return p.write(line)
}

// cellSeparator joins the cells of a row. No cell contains it: a table escapes tabs.
const cellSeparator = "\t"

// line returns the line of an entry: JSON, or the cells of a row.
func (p *printer) line(e *entry) (string, error) {
	if p.json {
		var b strings.Builder
		err := terminal.JSON(&b, e.line(), "")
		return b.String(), err
	}
	cells := e.cells()
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(cell, cellSeparator, `\t`)
	}
	return strings.Join(cells, cellSeparator), nil
}

// write writes what line has returned.
func (p *printer) write(line string) error {
	var err error
	if p.json {
		_, err = p.out.WriteString(line)
	} else {
		err = p.table.Row(strings.Split(line, cellSeparator)...)
	}
	if err == nil && p.isLive {
		err = p.out.Flush()
	}
	return err
}

func (p *printer) end() error {
	if err := p.table.Flush(); err != nil {
		return err
	}
	return p.out.Flush()
}

// cells returns the columns of an entry for people.
func (e *entry) cells() []string {
	proof := e.signature.State
	if e.signature.Key != "" {
		proof += ":" + e.signature.Key
	}
	if e.isArchived() {
		proof += " (archived)"
	}
	from := e.provenance()
	cells := []string{string(e.Scope), e.Hash, from.Task, terminal.Size(e.Size), e.modified.UTC().Format(time.RFC3339), proof,
		from.Repository, from.Ref, fmt.Sprintf("%.12s", from.Commit), from.Run}
	for i, cell := range cells {
		cells[i] = cmp.Or(cell, "-")
	}
	return cells
}
