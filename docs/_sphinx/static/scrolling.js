// A block that scrolls sideways takes the focus, so that the arrow keys reach all of it. Others are no stop for Tab.
const blocks = document.querySelectorAll("pre, .table-wrapper");
const follow = () => blocks.forEach((block) => {
  if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
  else block.removeAttribute("tabindex");
});
follow();
addEventListener("resize", follow);
