// Package rpc is the wire between the npm package and the cache: JSON-RPC 2.0
// on stdin and stdout of `nx-azure-cache serve`. This page specifies it well
// enough to write a second client or server.
//
// # Framing
//
// Each message is one JSON text in UTF-8 behind a header, as in the Language
// Server Protocol:
//
//	Content-Length: 44\r\n
//	\r\n
//	{"jsonrpc":"2.0","id":1,"method":"shutdown"}
//
// The length counts bytes. The header's name is written exactly so; lines end
// with CR LF. An id is a string or an integer from 0 on. There are no batches.
// Bytes that are no message end the connection, without an answer. stdout
// carries nothing else; stderr carries logs for people.
//
// # Life of a session
//
// The client starts the server, calls initialize once and, if the answer says
// enabled, retrieve and store as often and as concurrently as it likes; answers
// come in any order. store is answered when the entry is accepted; the server
// stores it beside what the client does next, and tells what became of it in the
// notification stored.
//
// The session ends when the server's stdin ends. Requests in work are then
// cancelled and not answered; the entries that were accepted are stored for at
// most the time limit drain, and what is left of them is given up. shutdown ends
// a session with answers: it waits until all requests that came before it are
// answered and all entries stored, within the same limit, and returns the
// summary; later requests are refused. It may come without an initialize.
//
// retrieve is cancelled by the notification $/cancelRequest {"id": ID} and then
// answered with the error -32800, unless it was done already. An entry that was
// accepted is not taken back. Other notifications of the client are ignored.
//
// While a request waits for its answer the server sends progress every second or
// so; only one that is stopped or hangs is silent for longer than patience of
// initialize. A client that has heard nothing for that long may kill it.
//
// # Methods
//
// Fields marked ? may be missing. Paths are absolute, in the platform's form.
//
//	initialize {
//	    protocolVersion  number    1
//	    clientVersion    string    version of the npm package
//	    processId        number    of the client
//	    workspaceRoot    string    path
//	    nxVersion        string
//	    ci               boolean   what Nx's isCI says
//	    config?          object    block "azure" of nx.json, as it is written there
//	    defaultBase?     string    of nx.json, as it is written there
//	    extended?        array     which of azure and defaultBase come from a file
//	                               that nx.json extends; not all of such a block
//	                               counts
//	    claims?          array     of claim, see below
//	} → {
//	    serverVersion    string    differs from clientVersion after a broken install
//	    enabled          boolean   false: retrieve and store are refused
//	    reason           string    why not, for people; "" when enabled
//	    mode             string    read-write, read-only or no-cache; "" when not known
//	    scope            string    who this run writes as: trusted, local, pr-N,
//	                               branch-NAME, shared; tag-NAME, readonly-NAME and
//	                               untrusted, which write nothing; "" when not enabled
//	    scopeReason      string    why, for people; "" when not enabled
//	    location         string    URL of the container and prefix; "" when not enabled
//	    session          string    name of the folder in which the server works:
//	                               <cacheDirectory>/.nx-azure-cache/<session>
//	    patience         number    milliseconds that the server may be silent while
//	                               a request waits
//	    drain            number    milliseconds for which entries are stored after
//	                               the end of stdin
//	    tasks            boolean   retrieve and store must have task: which of them
//	                               are cached depends on it
//	    license {
//	        status        string   valid, absent, malformed, unknown-issuer,
//	                               wrong-feature, not-yet-valid, expired;
//	                               "" when it was not looked at (mode no-cache)
//	        organization  string
//	        expiresAt     string   RFC 3339, or ""
//	    }
//	}
//
//	claim {                        a variable that the checkout has set
//	    name             string
//	    value            string
//	    file             string    the .env file that sets it, by name; "": code that
//	                               runs in the client's process
//	    isEmpty?         boolean   the environment has the variable, and it is empty
//	}
//
// The client starts the server with the environment that came from outside. A
// variable that a .env file of the checkout has added, or filled where it was
// empty, is a claim instead, and ci is what isCI says without them. The server
// decides which of them count. No log and no trace holds the value of a claim.
//
//	retrieve {
//	    hash             string    Nx's task hash
//	    cacheDirectory   string    path
//	    task?            object    see below
//	    outputs?         array     see below
//	} → null for a miss, or {
//	    code             number    exit code
//	    outputsPath      string    path of the restored outputs: <cacheDirectory>/<hash>
//	    size             number    bytes of the files in it
//	    terminalOutput?      string
//	    terminalOutputPath?  string    path of a file that the client reads and removes
//	}
//
//	store {
//	    hash             string    its outputs are in <cacheDirectory>/<hash>
//	    cacheDirectory   string    path
//	    code             number
//	    terminalOutput?      string
//	    terminalOutputPath?  string    path of a file in the server's folder
//	                                   (session of initialize) that is the
//	                                   server's once it has answered queued
//	    task?            object    see below
//	    snapshot?        object    see below
//	    outputs?         array     see below
//	} → {
//	    queued           boolean   the entry is accepted; false: it will not be stored
//	    reason           string    why not; "" when queued, and where no one needs to
//	                               hear of it: the settings leave the task out, it has
//	                               failed, or another run of Nx here makes the result
//	}
//
//	snapshot {                     of <cacheDirectory>/<hash>, when Nx called store
//	    time             number    milliseconds since 1970, of this machine's clock
//	    changed?         string    its change time in nanoseconds since 1970; on Windows
//	                               its last write. Missing: there was no folder
//	    inode?           string    its inode; missing on Windows
//	    lacking?         string    an output that the task declares, and that was in the
//	                               workspace and not in the folder
//	}
//
//	task {                         whose result it is, in Nx's words
//	    project          string
//	    target           string
//	    configuration?   string
//	}
//
// The server makes its folder in a cache directory with the first request for it. A
// client that is faster makes it itself: no component below cacheDirectory may be
// a link, and the folder must be its user's alone (mode 0700). Where the cache
// directory is not safe from other users, retrieve and store answer with the error 5.
//
// A client need not repeat a retrieve that had a miss or found a damaged entry,
// until it stores the hash: Nx 22.7 and 23.0 ask at every scheduling step. It should
// ask again after some time, as another machine may have stored the entry.
//
// task is looked at where initialize has answered tasks, and must be there then.
// For a task that the settings leave out retrieve answers null, and nothing is
// asked of the storage.
//
// An entry that the storage has and cannot give, such as one in its archive tier, is a
// miss, too. The first of a session is a warning in the notification log.
//
// outputs are strings: those that the task declares, relative to the workspace. A client
// sends them if its Nx refuses a result with a link that leaves the output it is in, as Nx
// 24 does. Such a result is not stored, and is a miss.
//
// A second run of Nx in a workspace removes <cacheDirectory>/<hash> and fills it again.
// The client takes the snapshot in the moment in which Nx calls store, before anything
// else. The server stores what was there at that moment: what has changed since then is
// noticed, and such an entry is not stored, never stored half. Without a snapshot that
// moment is the one in which the request arrives.
//
// The client appends to the file "pending" in the server's folder "+HASH" and a line feed
// before a task begins, and "-HASH" when it ends: when Nx calls store, or when the task
// has failed. Other servers read it: a result is not stored while another run in this
// cache directory is making it, too. A server whose run ends in the middle of a task
// appends "~HASH" to the files of the others: what they have begun before that is not
// stored either. A client does so, too, when its task has failed, and before Nx restores
// the result to the workspace.
//
//	shutdown {} → {
//	    hits             number
//	    misses           number    hashes without an entry; each counts once
//	    damaged          number    entries that were there and not to be used; the
//	                               entry of a hash counts once
//	    stored           number
//	    existing         number    results that somebody stored before
//	    skipped          number    results that cannot be stored
//	    evicted          number    results that Nx removed before they were stored
//	    failed           number    requests that ended in another error; a
//	                               retrieve counts once for each hash
//	    bytesRead        number    of archives, as they were sent
//	    bytesWritten     number
//	}
//
// Exactly one of terminalOutput and terminalOutputPath is there. Text of more
// than 262,144 bytes travels as a file: a string of 16 MiB costs this codec
// seconds and 190 MiB. Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
//
// # Notifications of the server
//
//	stored {                       once for each entry that was accepted
//	    hash             string
//	    bytes            number    of the archive; 0 unless outcome is stored
//	    outcome          string    stored; exists: somebody stored it before;
//	                               changed: its outputs were changed meanwhile;
//	                               evicted: Nx removed them, whose cache has a limit;
//	                               refused: they hold what cannot be stored; failed
//	    reason           string    for people; "" for stored and exists
//	    code?            number    of the error, when failed; see Errors
//	}
//
//	progress {                     while requests wait
//	    bytes            number    that have moved since initialize
//	}
//
//	log {
//	    level            string
//	    message          string
//	    fields?          object
//	}
//
// level is debug, warn or error. message is one line for people that says what
// to do; the client shows those from warn on.
//
// # Errors
//
//	-32600  initialize came twice, or a request came after shutdown
//	-32601  unknown method
//	-32602  params missing or of the wrong shape; in retrieve and store also a
//	        field nobody knows, which initialize ignores, and a task that is
//	        missing. shutdown ignores params
//	-32603  a bug of the server
//	-32002  retrieve or store came before initialize was answered
//	-32800  cancelled: by the client, or by the end of the session
//	     1  unavailable: the storage failed, or the network before it
//	     2  misconfigured: the user must change a setting, a right or a network
//	        before the storage can be used; the message says how
//	     3  damaged: the stored entry is not to be used
//	     4  off: the reason of initialize; or the storage has failed so often that
//	        the server asks it no more in this session
//	     5  file system: that of the client's machine failed, or the cache directory
//	        or the server's folder in it is not usable; the message says what to do
//
// The codes name what failed, not who notices it: reading, writing, and what becomes
// of an entry later have the same ones, and a client that cannot use the server's
// folder itself reports 5. So a client can show one line for each kind of trouble. 1,
// 2 and 4 are one kind, the storage, of which 2 says the most and 4 more than 1: a
// server that refuses a request often resets the connections beside it.
//
// What is for people is one line: reason, scopeReason, location, organization and
// every message. Controls and characters that cannot be seen are escaped in it, as
// package printable does. A client that shows it does not rely on that.
//
// None of them says anything about the task: a client treats each as a miss,
// or as a result that was not stored. A message never holds a secret.
package rpc
