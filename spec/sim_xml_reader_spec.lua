-- SPDX-License-Identifier: MIT
local reader = require("taskqueue.sim.xml_reader")

describe("the simulator's XML reader", function()
  local function read(text) return assert(reader.read(text)) end

  it("reads elements, their text and their attributes", function()
    local root = read('<a x="1" y=\'2\'>b<c/>d<c >e</c\n></a>')
    assert.same({ "a", "bd", { x = "1", y = "2" } }, { root.name, root.text, root.attributes })
    assert.same({ "c", "", "c", "e" }, { root.children[1].name, root.children[1].text,
      root.children[2].name, root.children[2].text })
  end)

  it("resolves prefixes where they are declared", function()
    local root = read('<p:a xmlns:p="u" xmlns="v" p:k="1" k="2"><b/><p:b xmlns:p="w"/><p:c/></p:a>')
    assert.same({ "a", "u" }, { root.name, root.uri })
    assert.same({ k = "2", ["{u}k"] = "1" }, root.attributes)
    local uris = {}
    for i, child in ipairs(root.children) do uris[i] = child.uri end
    assert.same({ "v", "w", "u" }, uris)
    assert.equal("", read('<a xmlns="v"><b xmlns=""/></a>').children[1].uri)
    assert.equal("pl", read('<a xml:lang="pl"/>')
      .attributes["{http://www.w3.org/XML/1998/namespace}lang"])
  end)

  it("reads references, CDATA, comments and instructions", function()
    local root = read('<?xml version="1.0" encoding="utf-8"?><!-- a --><?b c?>\n<r k="&quot;&#10;">'
      .. "&lt;&amp;&gt;&apos;&#65;&#x17C;&#128512;<!-- <x> --><![CDATA[<&]]]]><?p q?></r> <!---->")
    assert.equal("<&>'A\197\188\240\159\152\128<&]]", root.text)
    assert.same({ k = '"\n' }, root.attributes)
  end)

  it("makes one of all line ends, and spaces of those in attributes", function()
    local root = read("<a k='1\r\n2\t3'>1\r\n2\r3\n</a>")
    assert.same({ "1 2 3", "1\n2\n3\n" }, { root.attributes.k, root.text })
  end)

  it("skips a byte order mark", function()
    assert.equal("a", read("\239\187\191<?xml version='1.0' standalone='yes'?><a/>").name)
  end)

  it("takes a document of many elements", function()
    assert.equal(20000, #read("<a>" .. ("<b>x</b>"):rep(20000) .. "</a>").children)
  end)

  local GOOD = '<?xml version="1.0"?><p:a xmlns:p="u" k="&amp;"><b>'
    .. 't&#65;<![CDATA[c]]><!--d--></b></p:a>'

  it("refuses every truncated prefix", function()
    read(GOOD)
    for i = 0, #GOOD - 1 do
      local root, problem = reader.read(GOOD:sub(1, i))
      assert.is_nil(root)
      assert.matches(", at byte %d+$", problem)
    end
  end)

  it("refuses what is not well-formed, saying why", function()
    for _, case in ipairs {
      { "", "no element" },
      { "text", "no element" },
      { "<a></b>", "wrong end tag" },
      { "<p:a xmlns:p='u' xmlns:q='u'></q:a>", "wrong end tag" },
      { "<a/><b/>", "after the end" },
      { "<a/>b", "after the end" },
      { "<a k=1/>", "quoted" },
      { "<a k/>", "quoted" },
      { "<a k='1'l='2'/>", "tag that does not end" },
      { "<a k='1' k='2'/>", "given twice" },
      { "<a xmlns:p='u' xmlns:q='u' p:k='1' q:k='2'/>", "given twice" },
      { "<a xmlns:p='u' xmlns:p='v'/>", "declared twice" },
      { "<a xmlns:p=''/>", "no namespace" },
      { "<p:a/>", "'p' is not declared" },
      { "<a p:k='1'/>", "'p' is not declared" },
      { "<1a/>", "not a name" },
      { "<a:b:c/>", "not a name" },
      { "<a k='<'/>", "< in an attribute" },
      { "<a>&nbsp;</a>", "unknown reference" },
      { "<a>&</a>", "stray &" },
      { "<a>&&amp;</a>", "stray &" },
      { "<a>&#0;</a>", "unknown reference" },
      { "<a>&#xD800;</a>", "unknown reference" },
      { "<a>&#x110000;</a>", "unknown reference" },
      { "<a>&#99999999999;</a>", "unknown reference" },
      { "<a>]]></a>", "]]> in text" },
      { "<a><!-- -- --></a>", "%-%- in a comment" },
      { "<a><?xml version='1.0'?></a>", "misplaced" },
      { " <?xml version='1.0'?><a/>", "misplaced" },
      { "<!DOCTYPE a><a/>", "document type" },
      { "<a>\0</a>", "forbidden" },
      { "<a>\27</a>", "forbidden" },
      { "<a>\239\191\191</a>", "forbidden" },
      { "<a>\255</a>", "not UTF%-8" },
      { "<a>\192\128</a>", "not UTF%-8" },
      { "<a>\237\160\128</a>", "not UTF%-8" },
      { "<a>\197</a>", "not UTF%-8" },
      { "<?xml version='1.0' encoding='ISO-8859-2'?><a/>", "encoding" },
      { "<?xml version='2.0'?><a/>", "declaration" },
      { "<?xml version='1.0' hello?><a/>", "declaration" },
      { ("<a>"):rep(101) .. ("</a>"):rep(101), "too deep" },
    } do
      local root, problem = reader.read(case[1])
      assert.is_nil(root, case[1])
      assert.matches(case[2], problem)
    end
  end)

  it("takes 100 levels", function()
    read(("<a>"):rep(100) .. ("</a>"):rep(100))
  end)
end)
