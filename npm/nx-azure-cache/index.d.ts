/**
 * The result of a task that the cache restored. It has the same shape as Nx's
 * `CachedResult`.
 */
export interface CachedResult {
  /** Exit code of the task. */
  code: number;
  /** What the task printed. */
  terminalOutput: string;
  /** The folder that holds the outputs: `<cacheDirectory>/<hash>`. */
  outputsPath: string;
  /** Bytes of the files in `outputsPath`. */
  size: number;
}

/** Nx's interface for a remote cache (`RemoteCacheV2` in its tasks runner). */
export interface RemoteCache {
  /**
   * Restores the result of `hash` to `<cacheDirectory>/<hash>`, verified and complete,
   * or resolves to null. A miss is remembered for 30 s, or until a result of `hash` is
   * stored. Never rejects.
   */
  retrieve(hash: string, cacheDirectory: string): Promise<CachedResult | null>;

  /**
   * Stores the result of `hash`, whose outputs are in `<cacheDirectory>/<hash>`.
   * Resolves to whether it was accepted. Never rejects.
   */
  store(
    hash: string,
    cacheDirectory: string,
    terminalOutput: string,
    code: number,
  ): Promise<boolean>;
}

/**
 * The remote cache of the workspace that Nx runs in, or null if there is none to use. In
 * that case a line on stderr says why at the end of the run. Nx calls this once per run of
 * tasks. All caches with one configuration in a process share a server. Never rejects.
 */
export function getRemoteCache(): Promise<RemoteCache | null>;
