// Starts GraphiQL on this server's own API. A file of its own and not a part of the page, so that the page can forbid
// scripts that stand in it.
"use strict";

(() => {
  // Relative, so that the page works behind a proxy that puts the server under a path.
  const endpoint = new URL("../graphql", document.baseURI);
  const socket = new URL("../graphql/ws", document.baseURI);
  socket.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";

  const fetcher = GraphiQL.createFetcher({
    url: endpoint.href,
    // No form and no script of another site can send this header, so the server knows that this page asks.
    headers: { "x-fedwit": "graphiql" },
    enableIncrementalDelivery: false,
    // Connects when the first subscription starts, and not before.
    wsClient: graphqlWs.createClient({ url: socket.href, lazy: true }),
  });

  const defaultQuery = `# fedwit's GraphQL API. Ctrl-Space completes, Ctrl-Enter runs; the book on the left is the manual.

{
  __schema {
    queryType {
      fields {
        name
        description
      }
    }
  }
}
`;

  const root = ReactDOM.createRoot(document.getElementById("graphiql"));
  root.render(React.createElement(GraphiQL, { fetcher, defaultQuery, shouldPersistHeaders: false }));
})();
