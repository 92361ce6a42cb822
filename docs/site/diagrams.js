// Mermaid draws the diagrams of the page; it lies beside it and loads nothing.
mermaid.initialize({ startOnLoad: true, securityLevel: "strict", theme: "neutral" });
