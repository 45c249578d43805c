# A key, and calls without tokens.
{
  sentence = "services.catgraft.pagestore.allowAnonymous is true, but there is a key";
  change = {
    services.catgraft.pagestore.allowAnonymous = true;
  };
}
